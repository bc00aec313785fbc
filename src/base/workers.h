// A fixed set of threads that run numbered tasks together: parallel_for hands out 0 … n-1 and returns
// when all are done. Which thread takes which number is left open; results must not depend on it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace picket {

class Workers {
 public:
  explicit Workers(unsigned threads);  // at least 1; the calling thread is one of them
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  unsigned threads() const { return static_cast<unsigned>(threads_.size()) + 1; }
  // `task(worker, number)`: worker is 0 … threads()-1, one task at a time on each.
  void parallel_for(std::size_t n, const std::function<void(unsigned worker, std::size_t number)>& task);

 private:
  void work(unsigned worker);
  void run_tasks(unsigned worker);
  std::vector<std::jthread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(unsigned, std::size_t)>* task_ = nullptr;
  std::size_t next_ = 0, count_ = 0;
  unsigned busy_ = 0;
  unsigned long round_ = 0;
  bool stopping_ = false;
};

}  // namespace picket
