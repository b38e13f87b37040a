"""What the project promises in numbers, measured by one command: `make bench`."""
