import unittest

from greetings.crowd import greet_all


class CrowdTest(unittest.TestCase):
    def test_everybody_is_counted(self) -> None:
        self.assertEqual(greet_all(["Ada", "Grace"], str), "greeted 2")
