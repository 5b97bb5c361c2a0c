// Package wallet is the patient's side and the only home of a patient's
// secrets: the keys, the openings of consents and credentials, and the history
// of what was shown to whom (docs/spec.md §§3, 4, 8, 10, 12).
//
// A wallet turns a compiled document into drafts ([Wallet.Import]), seals them
// for a registrar ([Wallet.Grant]), finds its records on the ledger
// ([Wallet.Sync]), explains a request in plain words ([Wallet.Review]), answers
// it ([Wallet.Prove]), and withdraws ([Wallet.Withdraw], [Wallet.Due]).
//
// Everything lies in one encrypted file. Each change is written and synced
// before anything that depends on it leaves the wallet.
//
// # Caveats
//
// The file's secrecy is the passphrase's. An older copy of the file, in a
// backup or in blocks that a disk has not reused, still holds what [Wallet.Forget]
// erased from the newest one. A copy that is put back forgets what happened
// since; [Wallet.Sync] learns withdrawals and revocations again from the ledger,
// and a wallet proves nothing with records that it has not synced.
//
// The 24 words give back the power to withdraw and the pseudonyms, not the
// openings: those are random, because otherwise nothing could be erased.
//
// A prover service learns nk, and with it the holder's pseudonyms everywhere.
// It cannot sign. Proving in the same process is the default for that reason.
//
// Go may leave copies of secrets in memory; nothing here erases them.
package wallet
