"""The error tree.

    UserError               something the user can mend; its message is one line, exit status 2
    ├── ConfigError         settings.py    a key, its value, and what is allowed
    ├── LogError            sources/files  a log that cannot be read
    │   └── LogCutError     sources/files  one that ends before its end
    ├── BadRecordError      replay.py      a bad record under --strict
    ├── FolderError         scoring/       a folder of logs and labels that do not pair
    ├── PlanError           scoring/       a plan that cannot be simulated
    ├── SeedError           scoring/       seeds that must not be scored together
    ├── UnknownIncidentError  hindsight/   no incident has this id, or several begin with it
    ├── ConvertError        convert/       a real log in another form than was said
    ├── SimulationError     simulator/     options that make no venue
    ├── LabelError          labels.py      a label file that cannot be used
    └── BrokerUnavailable   broker.py      the embedded broker did not start

A bad record is no error: it is counted and passed over. A broken invariant asserts and dies.
"""


class UserError(Exception):
    """Something the user can mend; the message is one line."""
