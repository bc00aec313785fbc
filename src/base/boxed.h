// An optional value on the heap: for large parts that most of what holds them lacks. Copies copy it.
#pragma once

#include <memory>
#include <utility>

namespace picket {

template <class T>
class Boxed {
 public:
  Boxed() = default;
  explicit Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(const Boxed& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Boxed() = default;

  explicit operator bool() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }

  template <class Ar>
  void io(Ar& ar) {
    bool there = value_ != nullptr;
    ar(there);
    if constexpr (Ar::reading) value_ = there ? std::make_unique<T>() : nullptr;
    if (there) ar(*value_);
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace picket
