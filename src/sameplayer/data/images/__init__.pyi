from .picture import letterbox as letterbox
from .picture import letterbox_to as letterbox_to
