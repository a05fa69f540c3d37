#!/bin/sh
echo "stops the programs of the example"
