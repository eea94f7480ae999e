"""Security: tokens say who somebody is, and only the holder of the secret can make them."""

import pytest

from infrastructure.security.token_issuer import TokenIssuer

SECRET = b"a secret for tests"


def test_a_token_says_who_somebody_is():
    issuer = TokenIssuer(SECRET, lifetime=60, clock=lambda: 1000.0)
    assert issuer.verify(issuer.issue("ada", role="queen")) == {"subject": "ada", "role": "queen", "expires_at": 1060.0}


def test_issuers_of_one_secret_accept_each_other_s_tokens():
    assert TokenIssuer(SECRET).verify(TokenIssuer(SECRET).issue("ada")) is not None


def test_a_token_of_another_secret_is_refused():
    assert TokenIssuer(SECRET).verify(TokenIssuer(b"another").issue("ada")) is None


def test_issuers_without_a_secret_do_not_share_one():
    assert TokenIssuer().verify(TokenIssuer().issue("ada")) is None


@pytest.mark.parametrize("position", range(0, 60, 7))
def test_a_token_that_was_changed_anywhere_is_refused(position):
    issuer = TokenIssuer(SECRET)
    token = issuer.issue("ada")
    changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
    assert issuer.verify(changed) is None


@pytest.mark.parametrize("token", ["", ".", "no-signature", "ünïcode.ü"])
def test_what_is_no_token_is_refused(token):
    assert TokenIssuer(SECRET).verify(token) is None


def test_a_token_expires():
    token = TokenIssuer(SECRET, lifetime=60, clock=lambda: 1000.0).issue("ada")
    assert TokenIssuer(SECRET, clock=lambda: 1059.0).verify(token) is not None
    assert TokenIssuer(SECRET, clock=lambda: 1060.0).verify(token) is None


def test_a_claim_cannot_speak_for_the_issuer():
    issuer = TokenIssuer(SECRET, lifetime=60, clock=lambda: 1000.0)
    claims = issuer.verify(issuer.issue("ada", expires_at=9e9))
    assert claims is not None
    assert claims["expires_at"] == 1060.0


def test_a_token_needs_a_subject():
    with pytest.raises(ValueError, match="subject"):
        TokenIssuer(SECRET).issue("")


async def test_an_issuer_checks_itself():
    assert await TokenIssuer().self_check()
