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
      {"accordion", "mild compression while gradients change, hard while they do not", "2010.16248",
       &study_accordion},
      {"powersgd", "low-rank gradients with error feedback", "1905.13727", &study_powersgd},
      {"one-byte", "one byte a gradient, along shared random directions", "2306.10015",
       &study_one_byte},
      {"masha", "compressed variational inequalities: extragradient with an anchor", "2110.03313",
       &study_masha},
      {"cser", "what the codec loses stays in the own model until a reset", "2007.13221",
       &study_cser},
      {"local-adaalter", "adaptive steps between means of models", "1911.09030",
       &study_local_adaalter},
      {"basic-compressors", "Top-K, signs, sparse bytes and the time of Top-K",
       "1809.07599, 1901.09847, 1610.02132", &study_basic_compressors},
      {"generalized-byzantine-sgd", "medians against rows that lie and values struck in transit",
       "1802.10116", &study_generalized_byzantine_sgd},
      {"phocas", "the mean of the values nearest the trimmed mean", "1805.09682", &study_phocas},
      {"zeno", "a server that ranks gradients by a few rows of its own", "1805.10032, 1903.07020",
       &study_zeno},
      {"slsgd", "trimmed models and a server that moves part of the way", "1903.06996",
       &study_slsgd},
      {"detox", "redundant gradients, a vote, and a rule on what is left", "1907.12205",
       &study_detox},
      {"monna", "peers that keep the models nearest to their own", "2209.10931", &study_monna},
      {"fall-of-empires", "small steps the wrong way, which median and Krum let through",
       "1903.03936", &study_fall_of_empires},
      {"robust-baselines", "robust rules on skewed data, alone and behind NNM",
       "2302.01772, 1703.02757, 2006.09365, 1902.06156", &study_robust_baselines},
      {"flag-aggregator", "directions projected on the subspace that fits them best", "2302.05865",
       &study_flag_aggregator},
      {"edge-case-backdoors", "rare inputs with a wrong label", "2007.05084",
       &study_edge_case_backdoors},
      {"mud-hog", "who lies and how, from the history of gradients", "2208.10273", &study_mud_hog},
      {"atomo", "gradients as sums of atoms kept at random", "1806.04090", &study_atomo},
  };
  return all;
}

}  // namespace shoal
