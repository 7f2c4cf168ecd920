"""What the command line may ask of a running mesh (`operations`), and what the answers are made of: names, status, problems."""
