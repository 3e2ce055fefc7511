// SPDX-License-Identifier: MIT
#include "launcher/cli.h"

int main(int argc, char** argv) { return kvmrt::launcher::run_program(argc, argv); }
