"""The jail: a process that runs untrusted data or code, without keys, network or log.

`settings` says what a jail shows, allows and bounds; `launch` starts one and refuses unless every
protection has been witnessed from inside it.
"""

from lockgate.core.lazy import door

__getattr__ = door(
    __name__,
    {
        "Bind": "lockgate.sandbox.settings",
        "Jail": "lockgate.sandbox.launch",
        "JailReport": "lockgate.sandbox.report",
        "JailSettings": "lockgate.sandbox.settings",
        "Limits": "lockgate.sandbox.settings",
        "PythonEnv": "lockgate.sandbox.interpreter",
        "Target": "lockgate.sandbox.launch",
        "machine": "lockgate.sandbox.machine",
        "named": "lockgate.sandbox.settings",
    },
)
