from .acquisition import next_question as next_question
from .create import make_pilot as make_pilot
from .folder import load_pilot as load_pilot
from .labels import record_answer as record_answer
from .results import report as report
