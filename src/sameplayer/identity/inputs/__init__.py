"""What a user gives: settings, roster and corrections."""
