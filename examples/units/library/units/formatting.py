from units.table import related


def pretty(quantity):
    fitting = [each for each in related(quantity.symbol) if abs(quantity.to(each.symbol).value) >= 1]
    symbol = fitting[-1].symbol if fitting else quantity.symbol
    return f"{quantity.to(symbol).value:g} {symbol}"


def column(quantities, symbol):
    texts = [f"{each.to(symbol).value:.2f}" for each in quantities]
    width = max(map(len, texts), default=0)
    return [f"{text:>{width}} {symbol}" for text in texts]
