// The codecs an experiment can name.
#include "shoal/codec/atomo.h"
#include "shoal/codec/codec.h"
#include "shoal/codec/dense.h"
#include "shoal/codec/grbs.h"
#include "shoal/codec/natural.h"
#include "shoal/codec/powersgd.h"
#include "shoal/codec/qsgd.h"
#include "shoal/codec/rand_k.h"
#include "shoal/codec/random_block.h"
#include "shoal/codec/sign.h"
#include "shoal/codec/terngrad.h"
#include "shoal/codec/threshold.h"
#include "shoal/codec/top_k.h"

namespace shoal {

const Catalogue<Codec>& codecs() {
  static const Catalogue<Codec> all("codec", {
                                                 dense_entry(),
                                                 top_k_entry(),
                                                 rand_k_entry(),
                                                 threshold_entry(),
                                                 random_block_entry(),
                                                 grbs_entry(),
                                                 sign_entry(),
                                                 natural_entry(),
                                                 qsgd_entry(),
                                                 terngrad_entry(),
                                                 atomo_entry(),
powersgd_entry(),
                                             });
  return all;
}

}  // namespace shoal
