"""The policy: who sets rules and exceptions, and what they do to every way by which a file is had."""
