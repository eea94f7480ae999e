import unittest

from units import Quantity, UnitError, parse
from units.parsing import parse_all, total


class Parsing(unittest.TestCase):
    def test_a_number_and_a_symbol(self):
        self.assertEqual(parse("26.2 mi"), Quantity(26.2, "mi"))

    def test_spaces_do_not_matter(self):
        self.assertEqual(parse("  3km "), Quantity(3.0, "km"))

    def test_signs_and_exponents_belong_to_the_number(self):
        self.assertEqual([parse("-1.5e3 m"), parse("+2E-2km")], [Quantity(-1500.0, "m"), Quantity(0.02, "km")])
        self.assertEqual(parse(".5 h"), Quantity(0.5, "h"))

    def test_what_is_no_quantity_is_shown(self):
        for text in ("", "km", "3", "3 km h", "three km", "3,5 km"):
            with self.subTest(text), self.assertRaisesRegex(UnitError, repr(text)):
                parse(text)

    def test_an_unknown_unit_is_named(self):
        with self.assertRaisesRegex(UnitError, "there is no unit 'parsec'"):
            parse("3 parsec")

    def test_several_stand_between_commas(self):
        self.assertEqual(parse_all("1 km, 2m,"), [Quantity(1.0, "km"), Quantity(2.0, "m")])

    def test_they_are_added_up(self):
        self.assertEqual(total("1 km, 500 m"), Quantity(1.5, "km"))

    def test_nothing_is_not_added_up(self):
        with self.assertRaises(UnitError):
            total(" , ")
