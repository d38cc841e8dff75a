from .app import create_app as create_app
from .http.hosts import Hosts as Hosts
from .http.limits import Limits as Limits
