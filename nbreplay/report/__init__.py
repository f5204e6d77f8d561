"""What people look at: tables of runs, reasons, differences."""
