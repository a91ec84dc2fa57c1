// The attacks an experiment can name.
#include "shoal/attack/attack.h"
#include "shoal/attack/inner_product.h"
#include "shoal/attack/little_is_enough.h"
#include "shoal/attack/simple_attacks.h"

namespace shoal {

const Catalogue<Attack>& attacks() {
  static const Catalogue<Attack> all("attack", {
                                                   none_entry(),
                                                   sign_flip_entry(),
                                                   gaussian_noise_entry(),
                                                   inner_product_entry(),
                                                   little_is_enough_entry(),
                                               });
  return all;
}

}  // namespace shoal
