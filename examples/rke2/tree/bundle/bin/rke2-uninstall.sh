#!/bin/sh
echo "removes the example"
