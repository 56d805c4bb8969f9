"""One module per Lambda function, thin: event in, one call of the core, answer out."""
