extension WrongOptions {
    /// Settings out of range, which the libraries check.
    static let settings: [WrongOptions] = [
        table(
            .distill, "--teacher /absent --prompts /absent --output run",
            """
            --batch 0 → --batch: expected 1 to 4096, found 0
            --batch 100000000 → --batch: expected 1 to 4096, found 100000000
            --accumulate 0 → --accumulate: expected 1 to 16, found 0
            --accumulate 17 → --accumulate: expected 1 to 16, found 17
            --student-learning-rate=-1 → --student-learning-rate: expected a number from 0 to 1, found -1.0
            --student-learning-rate nan → --student-learning-rate: expected a number from 0 to 1, found nan
            --fake-score-learning-rate inf → --fake-score-learning-rate: expected a number from 0 to 1, found inf
            --fake-score-learning-rate 1e300 → --fake-score-learning-rate: expected a number from 0 to 1, found 1e+300
            --average-decay 1.1 → --average-decay: expected a number from 0 to 1, found 1.1
            --average-decay nan → --average-decay: expected a number from 0 to 1, found nan
            --loss pg-sb --guidance-scale 2 → --guidance-scale: expected none for random-guidance-distillation, \
            found 2.0
            --loss dmd --guidance-timesteps 20-980 → --guidance-timesteps: expected none for \
            distribution-matching-distillation, found 20..<981
            --regress-first-step → --regress-first-step needs --student-steps of at least 2
            --loss regression --regress-first-step --student-steps 2 → --regress-first-step: expected none for \
            pair-regression, found true
            --fake-score-alignment 1.5 → --fake-score-alignment: expected a number from 0 to 1, found 1.5
            --student-learning-rate-warm-up=-1 → --student-learning-rate-warm-up: expected 0 to 1000000000, found -1
            --lag-interval 0 → --lag-interval: expected 1 to 1000000000, found 0
            --fake-score-warm-up-steps=-1 → --fake-score-warm-up-steps: expected 0 to 1000000000, found -1
            """),
        table(
            .trainTeacher, "/absent --output teacher",
            """
            --batch 0 → --batch: expected 1 to 4096, found 0
            --batch 8 --accumulate 9 → --accumulate: expected 1 to 8, found 9
            --iterations 0 → --iterations: expected 1 to 1000000000, found 0
            --iterations=-1 → --iterations: expected 1 to 1000000000, found -1
            --learning-rate nan → --learning-rate: expected a number from 0 to 1, found nan
            --average-decay 2 → --average-decay: expected a number from 0 to 1, found 2.0
            --group-share 2 → --group-share: expected 0 to 1, found 2.0
            """),
        table(
            .trainLoRA, "/absent --model /absent --output lora",
            """
            --batch 0 → --batch: expected 1 to 4096, found 0
            --batch 8 --accumulate 9 → --accumulate: expected 1 to 8, found 9
            --rank 0 → --rank: expected 1 to 4096, found 0
            --iterations 0 → --iterations: expected 1 to 1000000000, found 0
            --learning-rate nan → --learning-rate: expected a number from 0 to 1, found nan
            --average-decay 2 → --average-decay: expected a number from 0 to 1, found 2.0
            --minimum-snr=-1 → --minimum-snr: expected a positive number, found -1.0
            --prior-weight=-1 → --prior-weight: expected 0 to 1000, found -1.0
            --prior-pictures 0 → --prior-pictures: expected 1 to 100000, found 0
            --prior-steps 1001 → --prior-steps: expected 1 to 1000, found 1001
            """),
        table(
            .compareLosses, "pictures --teacher /absent --prompts /absent --sheet-prompts /absent",
            """
            --batch 0 → --batch: expected 1 to 4096, found 0
            --rank 0 → --rank: expected 1 to 4096, found 0
            --student-learning-rate nan → --student-learning-rate: expected a number from 0 to 1, found nan
            --fake-score-learning-rate=-1 → --fake-score-learning-rate: expected a number from 0 to 1, found -1.0
            """),
        table(
            .lossContracts, "",
            """
            nothing → "nothing": expected part of one of the titles SDS (DreamFusion); VSD (SwiftBrush); VSD \
            (ProlificDreamer); VSD with decoupled guidance; VSD with decoupled guidance, κ_F = 2; PG-SB (SNOOPI); Diff-Instruct; DMD, DMD2; DMD without guidance; SiD; SiD, a = 1.2; \
            SiD, constant weight; SiD-LSG; SIM; SIM, squares; f-distill (Jensen–Shannon); f-distill, exact \
            reverseKL; f-distill, exact softenedReverseKL; f-distill, exact jensenShannon; f-distill, exact \
            squaredHellinger; f-distill, exact forwardKL; f-distill, exact jeffreys; f-distill, exact neyman; \
            DMD's regression; DMD's regression, decoded; DMD2's adversarial term; clamped alignment (SwiftBrush \
            v2); LCM; DMD with regression; DMD2 with GAN; SwiftBrush v2; SNOOPI; DI*; \
            DP-DMD; SDS, first step regressed; VSD, first step regressed; PG-SB, first step regressed; \
            Diff-Instruct, first step regressed; SiD, first step regressed; SIM, first step regressed; \
            f-distill, first step regressed; DMD2 with GAN, first step regressed; SwiftBrush v2, first step regressed
            """),
    ].flatMap { $0 }
}
