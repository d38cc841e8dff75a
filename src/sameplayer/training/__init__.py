"""The loss, the schedule, the loop and what a run leaves."""
