// SPDX-License-Identifier: MIT
// What must be known of a machine to believe a measurement of it, in a folder of text files, and
// what differs between two such folders.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "launcher/latency/report.h"

namespace kvmrt::launcher::latency {

using Evidence = std::map<std::string, std::string>;  ///< file name and text

/// Kernel, command line, processor with its microcode, interrupts and their CPUs, threads of the
/// running VMs. `root` stands before /proc and /sys.
Evidence gather_evidence(const std::filesystem::path& root = "/");

/// Makes the folder; one that has anything in it is refused (std::runtime_error).
void write_bundle(const std::filesystem::path& folder, const Evidence& evidence,
                  const Report& report);

/// Line by line, "-" of a and "+" of b, by file; of the reports, their comparison. "" when nothing
/// differs. Throws std::runtime_error when one is no bundle.
std::string diff_bundles(const std::filesystem::path& a, const std::filesystem::path& b);

/// The lines that only one of them has, in order. Pure.
std::string diff_lines(const std::string& a, const std::string& b);

}  // namespace kvmrt::launcher::latency
