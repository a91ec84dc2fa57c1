#include "studies/studies.h"

namespace shoal {

const std::vector<Study>& studies() {
  static const std::vector<Study> all = {
      {"relaysgd", "relayed sums on trees against gossip", "2110.04175", &study_relaysgd},
      {"gossip-baselines", "D-PSGD, gradient tracking, D2, CHOCO-SGD and topologies",
       "1705.09056, 1803.07068, 1902.00340", &study_gossip_baselines},
      {"federated-field-guide", "FedAvg and its relatives", "2107.06917",
       &study_federated_field_guide},
      {"non-iid-partitions", "how much uneven data hurts", "2102.02079", &study_non_iid_partitions},
      {"decentralized-vr-compression", "linear convergence among peers that compress", "2011.01697",
       &study_decentralized_vr_compression},
      {"econtrol", "error feedback for skewed data and noisy gradients", "2311.05645",
       &study_econtrol},
      {"heterogeneous-compression", "what compression loses on skewed data", "2009.02388",
       &study_heterogeneous_compression},
      {"basic-compressors", "Top-K, signs, sparse bytes and the time of Top-K",
       "1809.07599, 1901.09847, 1610.02132", &study_basic_compressors},
      {"atomo", "gradients as sums of atoms kept at random", "1806.04090", &study_atomo},
  };
  return all;
}

}  // namespace shoal
