import unittest

from units import Quantity, UnitError


class Quantities(unittest.TestCase):
    def test_a_quantity_is_the_same_in_another_unit(self):
        self.assertEqual(Quantity(2.5, "km").to("m"), Quantity(2500.0, "m"))

    def test_other_dimensions_are_refused(self):
        with self.assertRaisesRegex(UnitError, "km is a unit of length, kg is one of mass"):
            Quantity(1, "km").to("kg")

    def test_a_sum_has_the_unit_of_the_first(self):
        self.assertEqual(Quantity(1, "km") + Quantity(500, "m"), Quantity(1.5, "km"))

    def test_a_multiple_keeps_the_unit(self):
        self.assertEqual(Quantity(1.5, "h") * 2, Quantity(3.0, "h"))

    def test_quantities_do_not_multiply_each_other(self):
        with self.assertRaises(TypeError):
            Quantity(1, "m") * Quantity(1, "m")

    def test_less_is_less_whatever_the_units(self):
        self.assertLess(Quantity(900, "m"), Quantity(1, "km"))
        self.assertFalse(Quantity(1, "km") < Quantity(1000, "m"))

    def test_what_is_sorted_may_have_many_units(self):
        found = sorted([Quantity(1, "mi"), Quantity(1, "km"), Quantity(1200, "m")])
        self.assertEqual([each.symbol for each in found], ["km", "m", "mi"])

    def test_other_dimensions_are_neither_less_nor_more(self):
        with self.assertRaises(UnitError):
            self.assertFalse(Quantity(1, "s") < Quantity(1, "m"))
