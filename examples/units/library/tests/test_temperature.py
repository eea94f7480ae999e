import unittest

from units.errors import UnitError
from units.temperature import celsius, fahrenheit


class Temperature(unittest.TestCase):
    def test_water_freezes_and_boils(self):
        self.assertEqual([fahrenheit(0), fahrenheit(100)], [32.0, 212.0])
        self.assertEqual([celsius(32), celsius(212)], [0.0, 100.0])

    def test_there_and_back(self):
        self.assertAlmostEqual(celsius(fahrenheit(21.5)), 21.5)

    def test_nothing_is_colder_than_absolute_zero(self):
        for too_cold in (lambda: fahrenheit(-300), lambda: celsius(-500)):
            with self.assertRaises(UnitError):
                too_cold()
