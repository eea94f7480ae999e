import unittest

from units.errors import UnitError
from units.table import related, unit


class Table(unittest.TestCase):
    def test_a_unit_is_found_by_its_symbol(self):
        self.assertEqual(unit("km").factor, 1000.0)

    def test_an_unknown_one_is_named(self):
        with self.assertRaisesRegex(UnitError, "there is no unit 'parsec'"):
            unit("parsec")

    def test_related_units_come_from_small_to_large(self):
        self.assertEqual([each.symbol for each in related("h")], ["s", "min", "h"])
