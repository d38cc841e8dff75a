from .picture import letterbox as letterbox
