from .evidence import Evidence as Evidence
from .player_log import PlayerLog as PlayerLog
