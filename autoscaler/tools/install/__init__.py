"""The autoscaler as a system service: what is put on a machine, and taken back from it.

`plan` says what; `machine` looks, does and undoes; `manifest` remembers what was done. The templates are the
files of `deploy/`, which the Debian package is made of as well.
"""
