"""The composition root: the only package that knows every concrete class. What a command does, without how it is typed or shown."""
