"""One module per Lambda function, thin: event in, one call, answer out."""
