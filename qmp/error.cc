// SPDX-License-Identifier: MIT
#include "qmp/error.h"
