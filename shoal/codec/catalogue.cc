// The codecs an experiment can name.
#include "shoal/codec/codec.h"
#include "shoal/codec/dense.h"
#include "shoal/codec/top_k.h"

namespace shoal {

const Catalogue<Codec>& codecs() {
  static const Catalogue<Codec> all("codec", {
                                                 dense_entry(),
                                                 top_k_entry(),
                                             });
  return all;
}

}  // namespace shoal
