import unittest

from units.formatting import column, pretty
from units.quantity import Quantity


class Formatting(unittest.TestCase):
    def test_the_largest_unit_that_leaves_a_one_is_taken(self):
        self.assertEqual([pretty(Quantity(999, "m")), pretty(Quantity(1000, "m"))], ["999 m", "1 km"])

    def test_the_sign_does_not_matter(self):
        self.assertEqual(pretty(Quantity(-90, "min")), "-1.5 h")

    def test_what_is_smaller_than_every_unit_stays_as_it_is(self):
        self.assertEqual(pretty(Quantity(0.5, "mm")), "0.5 mm")

    def test_a_column_is_flush_right(self):
        self.assertEqual(column([Quantity(1, "km"), Quantity(12.5, "m")], "m"), ["1000.00 m", "  12.50 m"])
