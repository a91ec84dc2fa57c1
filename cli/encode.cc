// `shoal encode` and `shoal decode`: a codec on a vector of one's own.
#include <cmath>
#include <filesystem>
#include <fmt/format.h>

#include "shoal/base/file.h"
#include "shoal/codec/encoded_file.h"
#include "shoal/data/npy_reader.h"
#include "shoal/math/vector.h"
#include "shoal/model/safetensors.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct EncodeOptions {
  std::string in;
  std::string out;
  std::string codec;
  std::uint64_t seed = 1;
};

struct Tensors {
  Layout layout;
  std::vector<float> values;
};

bool is_safetensors(const std::string& path) {
  return std::filesystem::path(path).extension() == ".safetensors";
}

// An array is one tensor without layers; a safetensors file has the layers of a model.
Result<Tensors> read_tensors(const std::string& path) {
  Tensors tensors;
  if (is_safetensors(path)) {
    SHOAL_TRY(SafeTensors file, read_safetensors(path));
    tensors.layout = std::move(file.layout);
    tensors.values = std::move(file.values);
    return tensors;
  }
  SHOAL_TRY(const TypedArray array, read_npy(path));
  if (array.type != ElementType::kF32)
    return invalid_argument(fmt::format(
        "{} does not hold float32, which codecs take; save it with x.astype('float32')", path));
  std::vector<std::uint32_t> shape;
  for (const std::uint64_t length : array.shape) {
    if (length > std::numeric_limits<std::uint32_t>::max())
      return limit_exceeded(fmt::format("{} is longer than 2^32 - 1 in one dimension", path));
    shape.push_back(static_cast<std::uint32_t>(length));
  }
  tensors.layout.add("x", std::move(shape));
  tensors.values.resize(array.size());
  to_floats(array, 1.0, tensors.values);
  return tensors;
}

Status write_tensors(const std::string& path, const Tensors& tensors) {
  if (is_safetensors(path)) return write_safetensors(path, tensors.layout, tensors.values);
  if (tensors.layout.tensors().size() != 1)
    return invalid_argument(fmt::format(
        "the message holds {} tensors and an .npy file one; write to a .safetensors file",
        tensors.layout.tensors().size()));
  const auto& shape = tensors.layout.tensors().front().shape;
  return write_npy(path, std::vector<std::uint64_t>(shape.begin(), shape.end()), tensors.values);
}

void print_summary(const EncodedFile& file, std::span<const float> row,
                   std::span<const float> decoded) {
  const double dense_bytes = 4.0 * static_cast<double>(row.size());
  const double norm = std::sqrt(squared_norm(row));
  const double error = std::sqrt(squared_distance(row, decoded));
  fmt::print("entries   {} in {} tensor{}\n", row.size(), file.layout.tensors().size(),
             file.layout.tensors().size() == 1 ? "" : "s");
  fmt::print("message   {} bytes; dense float32 takes {:.0f}\n", file.message.size(), dense_bytes);
  if (!file.message.empty())
    fmt::print("ratio     {:.2f}\n", dense_bytes / static_cast<double>(file.message.size()));
  fmt::print("error     {:.6g}, the norm of what decodes less what was given", error);
  if (norm > 0.0) fmt::print("; {:.4f} of the norm {:.6g}", error / norm, norm);
  fmt::print("\n");
}

int encode(const EncodeOptions& options) {
  const auto tensors = read_tensors(options.in);
  if (!tensors.ok()) return complain(tensors.error());
  const auto codec = codec_table(options.codec);
  if (!codec.ok()) return complain(codec.error());
  const auto file = encode_row(*codec, tensors->layout, tensors->values, options.seed);
  if (!file.ok()) return complain(file.error());
  const auto decoded = decode_row(*file);
  if (!decoded.ok()) return complain(decoded.error());
  if (auto status = write_file_atomically(options.out, encoded_file_bytes(*file)); !status.ok())
    return complain(status.error());
  print_summary(*file, tensors->values, *decoded);
  fmt::print("written   {}\n", options.out);
  return 0;
}

int decode(const EncodeOptions& options) {
  const auto bytes = read_file(options.in);
  if (!bytes.ok()) return complain(bytes.error());
  const auto file = parse_encoded_file(*bytes);
  if (!file.ok()) return complain(within(options.in, file.error()));
  auto row = decode_row(*file);
  if (!row.ok()) return complain(within(options.in, row.error()));
  const Tensors tensors{file->layout, std::move(*row)};
  if (auto status = write_tensors(options.out, tensors); !status.ok())
    return complain(status.error());
  fmt::print("{} entries of codec {} written to {}\n", tensors.values.size(),
             *file->codec.find("kind")->as<std::string>(), options.out);
  return 0;
}

}  // namespace

void add_encode_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<EncodeOptions>();
  CLI::App* command = app.add_subcommand(
      "encode",
      "Encode a float32 array with a codec and print bytes, ratio and error.\n"
      "Try: shoal encode x.npy --codec top_k:ratio=0.01 -o x.bin; shoal decode x.bin -o y.npy");
  command->add_option("file", options->in, "an .npy array, or the layers of a .safetensors file")
      ->required();
  command
      ->add_option("--codec", options->codec,
                   "its kind and settings: qsgd:levels=15,bucket=512 (`shoal list codecs`)")
      ->required();
  command->add_option("-o,--out", options->out, "the file to write")->required();
  command->add_option("--seed", options->seed, "seed of random codecs");
  command->callback([options, &action] { action = [options] { return encode(*options); }; });
}

void add_decode_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<EncodeOptions>();
  CLI::App* command = app.add_subcommand("decode",
                                         "Decode a file that `shoal encode` wrote.\n"
                                         "Try: shoal decode x.bin -o y.npy");
  command->add_option("file", options->in, "what `shoal encode` wrote")->required();
  command->add_option("-o,--out", options->out, "an .npy or .safetensors file to write")
      ->required();
  command->callback([options, &action] { action = [options] { return decode(*options); }; });
}

}  // namespace shoal
