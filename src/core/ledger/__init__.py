"""What is reserved and spent, in whole micro-dollars."""
