// The attacks an experiment can name.
#include "shoal/attack/attack.h"
#include "shoal/attack/backdoor.h"
#include "shoal/attack/blind_attacks.h"
#include "shoal/attack/distance_attacks.h"
#include "shoal/attack/inner_product.h"
#include "shoal/attack/label_flip.h"
#include "shoal/attack/little_is_enough.h"
#include "shoal/attack/mimic.h"
#include "shoal/attack/mixture.h"
#include "shoal/attack/negations.h"
#include "shoal/attack/simple_attacks.h"
#include "shoal/attack/stale_replay.h"
#include "shoal/attack/transit_attacks.h"
#include "shoal/attack/unreliable.h"

namespace shoal {

const Catalogue<Attack>& attacks() {
  static const Catalogue<Attack> all("attack", {
                                                   none_entry(),
                                                   sign_flip_entry(),
                                                   gaussian_noise_entry(),
                                                   inner_product_entry(),
                                                   little_is_enough_entry(),
                                                   min_max_entry(),
                                                   min_sum_entry(),
                                                   mimic_entry(),
                                                   constant_entry(),
                                                   zero_entry(),
                                                   uniform_entry(),
                                                   not_finite_entry(),
                                                   omniscient_entry(),
                                                   negative_of_first_entry(),
                                                   stale_replay_entry(),
                                                   label_flip_entry(),
                                                   unreliable_entry(),
                                                   backdoor_entry(),
                                                   bit_flip_entry(),
                                                   gambler_entry(),
                                                   mixture_entry(),
                                               });
  return all;
}

}  // namespace shoal
