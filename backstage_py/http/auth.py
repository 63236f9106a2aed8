"""``/api/auth``: guest sign-in, key set and user info, as Backstage's auth backend answers them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backstage_py.errors import AuthenticationError, InputError, NotFoundError
from backstage_py.http.respond import json_response
from backstage_py.identity.authenticator import Authenticator
from backstage_py.identity.guest import GuestSignIn, RequestOrigin
from backstage_py.identity.issuer import IssuedToken, TokenIssuer
from backstage_py.identity.principals import UserPrincipal
from backstage_py.model.json import JsonObject

PLUGIN = "auth"


def routes(issuer: TokenIssuer, authenticator: Authenticator, guest: GuestSignIn | None) -> list[Route]:
    """Return the routes; all are open, since they are how a caller gets a token.

    Args:
        issuer: whose key set and address are shown.
        authenticator: reads the token of ``/v1/userinfo``.
        guest: the guest sign-in, None when it is not configured.
    """

    async def jwks(_request: Request) -> Response:
        return json_response({"keys": issuer.keys.public()})

    async def openid(_request: Request) -> Response:
        return json_response(openid_configuration(issuer.issuer))

    async def refresh(request: Request) -> Response:
        provider = request.path_params["provider"]
        if guest is None or provider != "guest":
            raise NotFoundError(f"Unknown auth provider '{provider}'")
        address = request.client.host if request.client else None
        headers = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
        issued = await guest.sign_in(RequestOrigin(address, request.scope["http_version"], headers))
        return json_response(_session(issued))

    async def userinfo(request: Request) -> Response:
        header = request.headers.get("authorization")
        if not header:
            raise AuthenticationError("No token provided")
        found = await authenticator.authenticate(header, plugin=PLUGIN, allow_limited=True)
        if not isinstance(found.principal, UserPrincipal):
            raise InputError("User info is only available for user tokens")
        user = found.principal.entity_ref
        ownership = found.principal.ownership or (await guest.ownership(user) if guest else (user,))
        return json_response({"claims": {"sub": user, "ent": list(ownership)}})

    async def unknown_provider(request: Request) -> Response:
        raise NotFoundError(f"Unknown auth provider '{request.path_params['provider']}'")

    return [
        Route("/.well-known/jwks.json", jwks),
        Route("/.well-known/openid-configuration", openid),
        Route("/v1/userinfo", userinfo),
        Route("/{provider}/refresh", refresh, methods=["GET", "POST"]),
        Route("/{provider}", unknown_provider),
        Route("/{provider}/{rest:path}", unknown_provider),
    ]


def openid_configuration(issuer: str) -> JsonObject:
    """Return the discovery document; it names what Backstage names, of which the key set is what counts."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/v1/token",
        "userinfo_endpoint": f"{issuer}/v1/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [
            *("RS256", "RS384", "RS512"),
            *("ES256", "ES384", "ES512"),
            *("PS256", "PS384", "PS512"),
            "EdDSA",
        ],
        "scopes_supported": ["openid"],
        "token_endpoint_auth_methods_supported": [],
        "claims_supported": ["sub", "ent"],
        "grant_types_supported": ["authorization_code"],
        "authorization_endpoint": f"{issuer}/v1/authorize",
        "code_challenge_methods_supported": ["S256"],
    }


def _session(issued: IssuedToken) -> JsonObject:
    return {
        "profile": {},
        "backstageIdentity": {
            "token": issued.token,
            "identity": {
                "type": "user",
                "userEntityRef": issued.user_entity_ref,
                "ownershipEntityRefs": list(issued.ownership),
            },
            "expiresInSeconds": issued.expires_in,
        },
    }
