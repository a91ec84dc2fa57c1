# What find_package(shoal) needs.
