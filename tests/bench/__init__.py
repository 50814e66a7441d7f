"""The benchmark suite: `make bench`; what each row means stands in README.md."""
