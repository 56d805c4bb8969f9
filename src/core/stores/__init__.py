"""Where things are kept: jobs and images in DynamoDB, bytes in S3, waiting work in SQS."""
