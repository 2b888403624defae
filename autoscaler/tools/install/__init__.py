"""The autoscaler as a system service: installed on a machine, and removed again.

`plan` says what; `machine` looks, does and undoes; `manifest` remembers what was done. The templates are the
files of `deploy/`, which the Debian package is made of as well.
"""
