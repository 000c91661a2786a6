"""Signs in as any OpenID Connect client would, with libraries that know nothing of Millwright.

Authlib runs the flow of a native client (RFC 8252: loopback redirect, PKCE) against the issuer it
discovers; joserfc and PyJWT verify what comes of it with the published keys. Prints what it did as
JSON. The browser's part, the page of the local identity provider, is done by hand.
"""

import argparse
import json
import secrets
import sys
import time
import warnings
from urllib.parse import parse_qs, urlsplit

warnings.filterwarnings("ignore")

import httpx  # noqa: E402
import jwt  # noqa: E402
from authlib.integrations.httpx_client import OAuth2Client  # noqa: E402
from authlib.oauth2.rfc9068.claims import JWTAccessTokenClaims  # noqa: E402
from joserfc import jwt as jose_jwt  # noqa: E402
from joserfc.jwk import KeySet  # noqa: E402

REDIRECT = "http://127.0.0.1:48000/callback"


def expect(condition, what):
    if not condition:
        sys.exit(f"not so: {what}")


class Browser:
    """Follows redirects and keeps cookies, as a browser does, and picks a person at the provider."""

    def __init__(self, subject):
        self.subject = subject
        self.client = httpx.Client(follow_redirects=False, timeout=30)
        self.seen = []

    def follow(self, url, until):
        """The first URL that begins with `until`, which is not called."""
        for _ in range(12):
            if url.startswith(until):
                return url
            self.seen.append(url)
            answer = self.client.get(url)
            if answer.status_code == 200 and "<form" in answer.text:
                answer = self.client.post(url, data={"sub": self.subject})
            expect(answer.is_redirect, f"{url} leads on: {answer.status_code} {answer.text[:300]}")
            url = str(httpx.URL(url).join(answer.headers["location"]))
        sys.exit("the redirects do not end")


def sign_in(issuer, metadata, subject, client_id):
    browser = Browser(subject)
    verifier = secrets.token_urlsafe(48)
    client = OAuth2Client(
        client_id=client_id,
        redirect_uri=REDIRECT,
        scope="openid email",
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
        timeout=30,
    )
    nonce = secrets.token_urlsafe(16)
    url, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    back = browser.follow(url, REDIRECT)
    answered = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    expect("error" not in answered, f"signed in: {answered}")
    expect(answered["state"] == state, "the state comes back")
    expect(answered["iss"] == issuer, "the answer names its issuer (RFC 9207)")
    token = client.fetch_token(
        metadata["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    for secret in (token["access_token"], token["refresh_token"], token["id_token"]):
        expect(all(secret not in seen for seen in [*browser.seen, back]), "no token in any URL")
    return client, token, nonce


def verify(issuer, audience, client_id, keys, token, nonce):
    """Each token by two libraries, from the published keys alone."""
    key_set = KeySet.import_key_set(keys)
    identity = jose_jwt.decode(token["id_token"], key_set, algorithms=["RS256"]).claims
    expect(identity["iss"] == issuer and identity["aud"] == client_id, "the id token is for us")
    expect(identity["nonce"] == nonce, "the id token carries our nonce")
    expect(identity["exp"] > time.time(), "the id token is valid")
    access = jose_jwt.decode(token["access_token"], key_set, algorithms=["RS256"])
    expect(access.header["typ"] == "at+jwt", "the access token says what it is")
    by_kid = {key["kid"]: jwt.PyJWK(key) for key in keys["keys"]}
    again = jwt.decode(
        token["access_token"],
        by_kid[jwt.get_unverified_header(token["access_token"])["kid"]],
        algorithms=["RS256"],
        audience=audience,
        issuer=issuer,
        options={"require": ["exp", "iat", "sub", "jti", "client_id", "aud", "iss"]},
    )
    expect(again == access.claims, "two libraries read the same claims")
    options = {name: {"essential": True} for name in ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")}
    JWTAccessTokenClaims(access.claims, access.header, options).validate()
    return identity, access.claims


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--audience", default="millwright")
    parser.add_argument("--client", default="cli")
    parser.add_argument("--subject", default="ada")
    arguments = parser.parse_args()
    issuer = arguments.issuer
    metadata = httpx.get(f"{issuer}/.well-known/openid-configuration").raise_for_status().json()
    expect(metadata["issuer"] == issuer, "the document is the issuer's own")
    keys = httpx.get(metadata["jwks_uri"]).raise_for_status().json()
    client, token, nonce = sign_in(issuer, metadata, arguments.subject, arguments.client)
    identity, access = verify(issuer, arguments.audience, arguments.client, keys, token, nonce)
    fresh = client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    expect(fresh["refresh_token"] != token["refresh_token"], "a refresh token is used once")
    expect(fresh["access_token"] != token["access_token"], "a refresh brings a new access token")
    print(
        json.dumps(
            {
                "userId": access["sub"],
                "email": identity.get("email"),
                "accessToken": fresh["access_token"],
                "refreshToken": fresh["refresh_token"],
            }
        )
    )


if __name__ == "__main__":
    main()
