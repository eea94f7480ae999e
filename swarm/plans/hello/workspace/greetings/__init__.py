"""A small package that greets."""
