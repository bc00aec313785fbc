#include "pipeline/process_metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace picket {

std::string process_metrics(std::string_view version) {
  std::string out = fmt::format(
      "# HELP picket_build_info The version that runs.\n# TYPE picket_build_info gauge\n"
      "picket_build_info{{version=\"{}\"}} 1\n",
      version);
  const auto add = [&](std::string_view name, std::string_view type, std::string_view help, double value) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help, type, value);
  };
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    add("process_cpu_seconds_total", "counter", "CPU time of user and system.",
        seconds(used.ru_utime) + seconds(used.ru_stime));
  }
  if (std::ifstream statm("/proc/self/statm"); statm) {
    std::uint64_t all = 0, resident = 0;
    statm >> all >> resident;
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    add("process_virtual_memory_bytes", "gauge", "Virtual memory.", static_cast<double>(all) * page);
    add("process_resident_memory_bytes", "gauge", "Resident memory.", static_cast<double>(resident) * page);
  }
  std::error_code error;
  std::uint64_t open = 0;
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error))
    ++open;
  add("process_open_fds", "gauge", "Open file descriptors.", static_cast<double>(open));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    add("process_max_fds", "gauge", "The most of them.", static_cast<double>(limit.rlim_cur));
  return out;
}

}  // namespace picket
