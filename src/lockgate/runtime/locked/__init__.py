"""From a lock to a folder of verified files: formats, wheel store, unpacked wheels, resolution, known vulnerabilities.

    lock (read) -> wheels by digest (fetch, store) -> unpacked wheels (unpack, checks) -> environment (assemble)

What is fetched, unpacked, resolved or built is fetched, unpacked, resolved or built in a jail; what a jail leaves is
hashed here before it is believed. `runtime.environment` is the door.
"""
