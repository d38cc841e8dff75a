from .export.registry import EXPORTS as EXPORTS
from .export.registry import export_log as export_log
from .inputs.log_config import LogConfig as LogConfig
from .inputs.roster import read_roster as read_roster
from .log.log_files import load_log as load_log
from .log.player_log import PlayerLog as PlayerLog
from .pipeline import identify_players as identify_players
