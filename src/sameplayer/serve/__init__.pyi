from .app import create_app as create_app
from .tokens import list_tokens as list_tokens
from .tokens import make_token as make_token
from .tokens import revoke_token as revoke_token
