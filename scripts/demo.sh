#!/bin/bash
exec "$(dirname "$0")/bench.sh" demo
