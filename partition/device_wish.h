// SPDX-License-Identifier: MIT
// What is made on the host for a VM's devices, for as long as it has its lease. A lease carries it
// in request.pci: addresses of PCI devices, and, for all other devices, knobs with their values
// ("net:line3-net0=tap on br0 as fe:54:00:12:34:56", "module:vfio_pci=loaded").
#pragma once

#include <map>
#include <string>
#include <vector>

#include "partition/lease.h"

namespace kvmrt::partition {

/// An item of request.pci that is no address.
std::string device_wish(const std::string& knob, const std::string& value);

/// The addresses among them.
std::vector<std::string> pci_addresses(const Lease& lease);

/// Every knob that the lease's devices need, with its value: drivers and their overrides too.
std::map<std::string, std::string> device_knobs(const Lease& lease);

}  // namespace kvmrt::partition
