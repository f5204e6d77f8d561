"""What looks like a credential is found, and what does not is left alone."""

import pytest

from nbreplay.credentials import CREDENTIAL, in_source, is_secret_text, named, shaped

DRAWN = "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
SHAPED = {
    "AWS access key": "AKIAIOSFODNN7EXAMPLE",
    "GitHub token": f"ghp_{DRAWN}",
    "GitLab token": f"glpat-{DRAWN[:20]}",
    "Slack token": f"xoxb-{DRAWN[:20]}",
    "Google API key": f"AIza{DRAWN[:35]}",
    "Hugging Face token": f"hf_{DRAWN}",
    "PyPI token": f"pypi-AgE{DRAWN}{DRAWN}",
    "npm token": f"npm_{DRAWN}",
    "API key": f"sk-proj-{DRAWN}",
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36",
    "private key": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk",
    "Azure account key": f"AccountName=x;AccountKey={DRAWN}{DRAWN}==;",
    "bearer token": f"Authorization: Bearer {DRAWN}",
    "password in an address": "postgresql://bob:hunter22@db.example.org/x",
}


@pytest.mark.parametrize("kind", SHAPED)
def test_each_shape_is_found_anywhere_and_not_given_away(kind):
    text = f"before {SHAPED[kind]} after"
    found = list(shaped(text.encode()))
    assert kind in [finding.kind for finding in found]
    for finding in found:
        assert SHAPED[kind][6:] not in finding.shown
    assert is_secret_text("x", text)


@pytest.mark.parametrize(
    "text",
    [
        "", "hello world", "sk-learn", "https://example.org/a:b@c", "https://user:{password}@host", "ghp_short",
        "hf_" + "a" * 40, "eyJ not a token", "x" * 1000, "AKIA", "tokens: 512", "s3://bucket/key",
    ],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text):
    assert list(shaped(text.encode())) == []
    assert not is_secret_text("text", text)


def test_names_of_variables_that_hold_credentials_are_known():
    assert all(map(named, ["password", "DB_PASSWORD", "api_key", "apikey", "secret", "token", "hf_token", "db_pwd"]))
    assert not any(map(named, ["tokens", "n_tokens", "tokenizer", "key", "keys", "keyboard", "author", "passed", "x"]))
    assert all(map(CREDENTIAL.search, ["AWS_SECRET_ACCESS_KEY", "GH_TOKEN", "PGPASSWORD", "SENTRY_DSN"]))


def test_texts_assigned_to_such_names_in_source_are_found():
    source = """
password = "hunter22!"
config = {"api_key": "abcdef12345", 'n': "not this one"}
connect(token='zzz-123456', host="somewhere")
placeholder_password = "changeme"
secret = "<your secret>"
token_count = "512 of them"
"""
    assert [finding.kind for finding in in_source(source)] == [
        "text called password", "text called token", "text called api_key"
    ]  # fmt: skip


def test_bytes_without_any_text_hold_none():
    import numpy as np

    assert list(shaped(np.random.default_rng(1).bytes(1 << 20))) == []
