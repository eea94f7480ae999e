import unittest

from greetings import english, french, german, spanish


class GreetingsTest(unittest.TestCase):
    def test_each_language_greets_by_name(self) -> None:
        said = [module.greet("Ada") for module in (english, french, german, spanish)]
        self.assertEqual(said, ["Hello, Ada!", "Bonjour, Ada!", "Guten Tag, Ada!", "Hola, Ada!"])
